"""What is made of recognised words: sentences, paragraphs, utterances, plain text. Pure, no I/O."""
