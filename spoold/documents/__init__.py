"""What a document is: its format by magic bytes, its pages by a worker that is locked in before it reads."""
