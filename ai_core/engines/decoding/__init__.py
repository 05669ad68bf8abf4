"""What every engine with weights needs to turn logits into text."""
