"""What `./neo run` starts and watches. Not for production."""
