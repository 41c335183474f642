"""The students in the package: size, origin, results and licence, from their files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from safetensors import safe_open

from zerokd.student.location import BUNDLED_STUDENTS, DEFAULT_STUDENT, BundledStudent
from zerokd.text import wrap_text

FACTS = ("model", "size", "origin", "LOL", "licence")  # lines of the list


def describe_bundled_students() -> list[dict[str, Any]]:
    """A record of each student, the default one first, without importing torch."""
    return [_describe_student(student) for student in BUNDLED_STUDENTS.values()]


def _describe_student(student: BundledStudent) -> dict[str, Any]:
    with safe_open(student.path, framework="np") as file:
        facts = json.loads(file.metadata()["zerokd"])
        count = sum(int(np.prod(file.get_slice(key).get_shape())) for key in file.keys())  # noqa: SIM118
    return {
        "name": student.name,
        "summary": student.summary,
        "model": facts["architecture"]["use"],
        "parameters": count,
        "bytes": student.path.stat().st_size,
        "recipe": facts["recipe"],
        "seed": facts["seed"],
        "data": facts["data"]["source"]["use"],
        "images": facts["data"]["images"],
        "psnr": student.psnr,
        "ssim": student.ssim,
        "licence": student.licence,
    }


def format_student_list(students: Iterable[dict[str, Any]]) -> str:
    """Each student with its facts, in at most 80 columns."""
    width = max(map(len, FACTS))
    lines: list[str] = []
    for student in students:
        default = ", the default" if student["name"] == DEFAULT_STUDENT else ""
        values = (
            student["model"],
            f"{student['parameters']:,} parameters, {student['bytes']:,} bytes",
            f"recipe {student['recipe']}, seed {student['seed']}, {student['images']} images of {student['data']}",
            f"{student['psnr']:g} dB, SSIM {student['ssim']:g} to the references of 60 pairs",
            student["licence"],
        )
        lines += ["", f"{student['name']}{default}", *wrap_text(student["summary"] + ".", "  ", "  ")]
        for fact, value in zip(FACTS, values, strict=True):
            lines += wrap_text(value, " " * (width + 4), f"  {fact:<{width}}  ")
    return "\n".join(lines[1:])
