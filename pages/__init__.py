"""The pages of the app; helpers they share are in pages/shared."""
