"""Do the product's tests mean what they say? Simulated studies with known truth, through the whole of evaluate."""
