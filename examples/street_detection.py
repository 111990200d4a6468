"""Find cars and pedestrians: train street-detection and draw what it finds in scenes of the test set.

Run it as ``python street_detection.py``; it takes a few minutes and writes ``street-detection.svg``.
"""

import thalweg as tw
from thalweg.report.detection import write_detections
from thalweg.tasks.street.scenes import CLASSES
from thalweg.tasks.street.task import detections

SCENES = 8


def main() -> None:
    """Train, report the test set's mean average precision, and write the picture."""
    task = tw.tasks.find_task("street-detection")
    run = tw.train(task, "adam", {"learning_rate": 0.002}, schedule="cosine")
    precision = run.result.test_metric
    test = tw.tasks.task_data(task).test
    images, truth = test["x"][:SCENES], list(test["boxes"][:SCENES])
    title = f"Street scenes of the test set (mAP {precision:.2f})"
    write_detections("street-detection.svg", images, truth, detections(run.parameters, images), CLASSES, title)


if __name__ == "__main__":
    main()
