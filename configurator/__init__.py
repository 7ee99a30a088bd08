"""Has TensorFlow Serving serve what is on disk and desired: plan -> reload -> confirm -> retention."""
