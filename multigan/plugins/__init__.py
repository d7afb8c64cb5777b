"""One folder per modality; each tells the core about itself in a torch-free manifest."""
