"""What the Makefile runs: executing chapters, refreshing numbers, finding a browser, drawing the cover."""
