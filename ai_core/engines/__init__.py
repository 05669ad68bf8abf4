"""One file per way of writing an answer; each offers an `Engine`."""
