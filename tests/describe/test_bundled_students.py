"""What the files say of themselves."""

from zerokd.describe.bundled_students import describe_bundled_students, format_student_list


def test_records_come_from_the_files():
    best, fidelity, teacher = describe_bundled_students()
    assert (best["model"], best["data"], best["images"]) == ("zerokd:auto_exposure", "zerokd:dead_leaves", 600)
    assert fidelity["bytes"] < teacher["bytes"]


def test_a_list_names_the_default_once():
    text = format_student_list(describe_bundled_students())
    assert text.count("the default") == 1
    assert "118 parameters" in text
