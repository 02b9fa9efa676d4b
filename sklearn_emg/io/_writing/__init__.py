"""Writers of recording tables, one module per format."""
