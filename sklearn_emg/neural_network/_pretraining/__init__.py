"""Networks that learn from windows without labels, before they learn a diagnosis."""
