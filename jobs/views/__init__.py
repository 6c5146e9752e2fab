"""The pages of a Job: each module loads, decides who may, does one thing, and renders."""
