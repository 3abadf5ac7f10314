"""The demo: the main job for real, on a machine that has nothing but Python. Its servers serve the tests too."""
