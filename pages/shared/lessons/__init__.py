"""The lessons: each some sentences, a figure that the reader drives, a question, a way on."""
