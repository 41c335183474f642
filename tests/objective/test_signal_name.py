"""What a signal's name means, one text for each signal, and where a text that names none goes wrong."""

import pytest

from zerokd.objective.signal_name import SignalName, SignalSyntaxError

FLIPPED = SignalName("", "flipped")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("low", SignalName("", "low")),
        ("student.enhanced", SignalName("student", "enhanced")),
        ("teacher.features.e_conv2", SignalName("teacher", layer="e_conv2")),
        ("teacher.features.e_conv2.point_conv", SignalName("teacher", layer="e_conv2.point_conv")),
        ("student(flipped).enhanced", SignalName("student", "enhanced", argument=FLIPPED)),
        ("student(flipped).features.e_conv1", SignalName("student", layer="e_conv1", argument=FLIPPED)),
        ("flipped(student.enhanced)", SignalName("flipped", argument=SignalName("student", "enhanced"))),
        (
            "teacher(student(flipped).enhanced).enhanced",
            SignalName("teacher", "enhanced", argument=SignalName("student", "enhanced", argument=FLIPPED)),
        ),
    ],
)
def test_every_form_is_read_and_written_again(text, expected):
    assert SignalName.parse(text) == expected
    assert SignalName.parse(text).text == text


@pytest.mark.parametrize(
    ("text", "one_form"),
    [
        (" student( flipped ).enhanced ", "student(flipped).enhanced"),
        ("student(low).enhanced", "student.enhanced"),
        ("student( low ).features.e_conv1", "student.features.e_conv1"),
        ("flipped( low )", "flipped(low)"),
    ],
)
def test_one_signal_has_one_text(text, one_form):
    assert SignalName.parse(text).text == one_form


def test_arguments_come_first():
    name = SignalName.parse("teacher(flipped(student.enhanced)).enhanced")
    assert [part.text for part in name.walk()] == [
        "student.enhanced",
        "flipped(student.enhanced)",
        "teacher(flipped(student.enhanced)).enhanced",
    ]
    assert [part.is_of_model for part in name.walk()] == [True, False, True]
    assert name.call == "teacher(flipped(student.enhanced))"


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("", "expected a name, got the end", 0),
        ("student(", "expected a name, got the end", 8),
        ("student(flipped", "a bracket is not closed", 15),
        ("student()", "expected a name, got ')'", 8),
        ("student.", "expected the name of an output", 8),
        ("student.enhanced low", "unexpected 'l'", 17),
        ("student(flipped).enhanced)", "unexpected ')'", 25),
    ],
)
def test_a_text_that_names_nothing_is_refused_at_its_column(text, message, column):
    with pytest.raises(SignalSyntaxError) as caught:
        SignalName.parse(text)
    assert str(caught.value) == message
    assert caught.value.column == column
