"""The parts of the Instability page."""
