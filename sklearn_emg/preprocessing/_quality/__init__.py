"""Quality of recordings: measures of channels, copies, findings and the report."""
