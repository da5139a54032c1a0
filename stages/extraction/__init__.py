"""The learned main-content extractor: tokenizer, block features, forest, decoder. Loaded in workers only (numba)."""
