"""Cars and pedestrians in generated street scenes, found by a small YOLO."""
