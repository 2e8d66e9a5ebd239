"""Commands that install the operator."""
