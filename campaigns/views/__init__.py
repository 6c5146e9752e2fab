"""The pages of what a marketer plans, one module per kind of thing."""
