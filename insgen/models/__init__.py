"""Language models, embedding models and prompt files."""
