"""Who is understood in which language: mixtures of clips, and how much of them is heard in the right one."""
