"""Model cards and data cards, with the checklists TRIPOD+AI and REFORMS."""
