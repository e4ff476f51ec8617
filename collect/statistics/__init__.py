"""How sure a figure is. Each method names its source."""
