"""How good an exported model is, by a protocol that others can repeat."""
