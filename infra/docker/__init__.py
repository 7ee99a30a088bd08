"""Container images, and what is needed to build, fill and run them where no registry is reached."""
