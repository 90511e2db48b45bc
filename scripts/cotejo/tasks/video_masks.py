"""What a YOLO segmentation network's outputs mean, drawn onto the frame that they were computed from."""

from typing import NamedTuple

import numpy as np

from cotejo.tasks.video_frames import Letterbox

OVERLAP = 0.7  # of two boxes of one class above which the less certain one is dropped, as in ultralytics' predict
MOST = 300  # detections of a frame

# U and V of a dozen hues, five twelfths of the circle apart from one class to the next.
HUES = [(round(128 + 80 * np.cos(angle)), round(128 + 80 * np.sin(angle))) for angle in np.arange(12) * 5 * np.pi / 6]


class Detections(NamedTuple):
    """n found objects, the most certain first: boxes as x0, y0, x1, y1 in pixels of the network's input."""

    boxes: np.ndarray  # float32 [n, 4]
    scores: np.ndarray  # float32 [n]
    classes: np.ndarray  # int [n]
    coefficients: np.ndarray  # float32 [n, masks]


def detections(predictions: np.ndarray, masks: int, confidence: float) -> Detections:
    """The objects in a network's predictions, float32 [1, 4 + classes + masks, anchors].

    A column is a box (centre and size, in input pixels), a score per class, and the coefficients of the masks.
    """
    import cv2

    rows = predictions[0]
    scores = rows[4:-masks]
    likely = np.flatnonzero(scores.max(axis=0) > confidence)
    found = rows[:, likely]
    best = scores[:, likely].max(axis=0)
    classes = scores[:, likely].argmax(axis=0)
    corners = np.concatenate([found[:2] - found[2:4] / 2, found[2:4]]).T
    kept: list[int] = []
    if likely.size:
        chosen = cv2.dnn.NMSBoxesBatched(corners.tolist(), best.tolist(), classes.tolist(), confidence, OVERLAP)
        kept = sorted(np.ravel(chosen).tolist(), key=lambda index: -best[index])[:MOST]
    boxes = np.concatenate([corners[kept, :2], corners[kept, :2] + corners[kept, 2:]], axis=1)
    return Detections(boxes, best[kept], classes[kept], found[-masks:, kept].T)


def draw(picture: np.ndarray, found: Detections, prototypes: np.ndarray, box: Letterbox) -> None:
    """Give each object its class's hue on a frame, uint8 [height * 3 / 2, width] in YUV 4:2:0; the most certain wins.

    A mask is the sum of prototypes, float32 [1, masks, height, width], each times the object's coefficient; positive
    is inside (https://arxiv.org/abs/1904.02689). The frame's brightness is left, so that what was seen can still be.
    """
    import cv2

    planes = chroma(picture)
    height, width = planes[0].shape
    _, masks, rows, columns = prototypes.shape
    offset = np.array([box.left, box.top] * 2)
    scale = 2 * box.scale  # of a pixel of the chroma planes
    for corners, kind, coefficients in reversed(list(zip(found.boxes, found.classes, found.coefficients, strict=True))):
        x0, y0, x1, y1 = (round(float(value)) for value in (corners - offset) / scale)
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        if x1 <= x0 or y1 <= y0:
            continue
        placed = np.array([x0, y0, x1, y1]) * scale + offset
        left, top, right, bottom = _around(placed * columns / box.size, rows, columns)
        patch = prototypes[0, :, top:bottom, left:right].reshape(masks, -1)
        logits = (coefficients @ patch).reshape(bottom - top, right - left)
        inside = (cv2.resize(logits, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR) > 0).view(np.uint8)
        for plane, value in zip(planes, HUES[kind % len(HUES)], strict=True):
            cv2.copyTo(np.full_like(inside, value), inside, plane[y0:y1, x0:x1])


def chroma(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Views of a YUV 4:2:0 picture's U and V, [height / 2, width / 2] each."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    colours = picture.reshape(-1)[height * width :]
    u, v = colours.reshape(2, height // 2, width // 2)
    return u, v


def _around(corners: np.ndarray, rows: int, columns: int) -> tuple[int, int, int, int]:
    """The least range of whole prototype pixels that holds a box, at least one each way."""
    left, top = (int(np.clip(value, 0, most - 1)) for value, most in zip(corners[:2], (columns, rows), strict=True))
    right, bottom = (int(np.ceil(value)) for value in corners[2:])
    return left, top, min(max(right, left + 1), columns), min(max(bottom, top + 1), rows)
