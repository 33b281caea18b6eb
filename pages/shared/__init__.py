"""What the pages share: controls, the stage, downloads."""
