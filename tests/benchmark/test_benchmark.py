"""Means, intervals and leaders of a benchmark against numbers that are known."""

import numpy as np
import pytest

from zerokd.benchmark.benchmark import build_set_columns, measure_entries, name_photo_sets
from zerokd.benchmark.entries import BenchmarkEntry
from zerokd.errors import DataError, RecipeError
from zerokd.plugin.discovery import discover_plugins
from zerokd.student.evaluate.methods import Method, build_baselines


def measure(entries, pairs, photos=()):
    photo_sets = name_photo_sets(pairs, photos)
    return measure_entries(entries, photo_sets, build_set_columns(discover_plugins(), photo_sets))


def scale(name, factor):
    """A method that multiplies an image; the photos are a quarter of their references."""
    return Method(name, lambda low: (low * factor).clamp(0, 1))


@pytest.fixture
def measured(photo_folders):
    """Baselines; "good" and "bad"; "seeded", with two seeds."""
    entries = [BenchmarkEntry(method.name, (method,)) for method in build_baselines()]
    entries += [BenchmarkEntry(name, (scale(name, factor),)) for name, factor in (("good", 3.8), ("bad", 1.5))]
    entries.append(BenchmarkEntry("seeded", (scale("s0", 3.2), scale("s1", 3.4)), (0, 1)))
    return measure(entries, [photo_folders], [photo_folders[1]])


def find(measured, name, key="reference.psnr"):
    result = measured.results[0]
    entry = next(entry for entry in measured.entries if entry.name == name)
    return result, entry, next(column for column in result.columns if column.key == key)


def test_means_are_those_of_the_values(measured):
    result, entry, column = find(measured, "seeded")
    values = [
        [rows[method.name]["reference.psnr"] for rows in result.evaluation.values.values()] for method in entry.methods
    ]
    assert result.estimate_mean(entry, column).value == pytest.approx(np.mean(values))
    assert result.measure_seed_deviation(entry, column) == pytest.approx(np.std(np.mean(values, 1), ddof=1))
    assert result.measure_seed_deviation(find(measured, "good")[1], column) is None


def test_what_is_worse_on_every_photo_is_told_apart(measured):
    result, good, column = find(measured, "good")
    bad = find(measured, "bad")[1]
    difference = result.compare(good, bad, column)
    own = [rows["good"]["reference.psnr"] - rows["bad"]["reference.psnr"] for rows in result.evaluation.values.values()]
    assert difference.value == pytest.approx(np.mean(own))
    assert difference.low >= min(own) - 1e-9
    assert not difference.includes_zero
    assert result.compare(bad, good, column).value == pytest.approx(-difference.value)
    leaders = [entry.name for entry in result.find_best(column, measured.entries)]
    assert "good" in leaders
    assert "bad" not in leaders


def test_the_best_entry_has_the_lowest_value_where_lower_is_better(measured):
    result, _, column = find(measured, "good", "alone.color_cast")
    best = result.find_best(column, measured.entries)[0]
    casts = {entry.name: result.estimate_mean(entry, column).value for entry in measured.entries}
    assert casts[best.name] == min(casts.values())
    brightness = next(column for column in result.columns if column.name == "brightness")
    assert result.find_best(brightness, measured.entries) == ()


def test_a_value_that_is_no_number_never_leads(photo_folders):
    broken = BenchmarkEntry("broken", (Method("broken", lambda low: low * float("nan")),))
    entries = [BenchmarkEntry("input", (build_baselines()[0],)), broken]
    measured = measure(entries, [photo_folders])
    result, _, column = find(measured, "broken")
    assert [entry.name for entry in result.find_best(column, entries)] == ["input"]
    assert measured.as_json()["sets"]["low"]["means"]["broken"]["reference.psnr"]["value"] is None


def test_everything_is_in_the_json(measured):
    data = measured.as_json()
    assert list(data["sets"]) == ["low", "high"]
    differences = data["sets"]["low"]["differences"]
    pairs = len(measured.entries) * (len(measured.entries) - 1) // 2
    assert len(differences) == pairs * len(measured.results[0].columns)
    difference = next(
        row for row in differences if (row["first"], row["second"], row["column"]) == ("good", "bad", "reference.psnr")
    )
    assert difference["may_be_noise"] is False
    assert data["entries"]["seeded"] == {"baseline": False, "seeds": [0, 1]}
    assert data["entries"]["gamma"]["baseline"] is True


def test_sets_of_one_name_get_more_of_their_path(photo_folders, tmp_path):
    other = tmp_path / "second" / "low"
    other.mkdir(parents=True)
    (other / "a.png").write_bytes((photo_folders[0] / "a.png").read_bytes())
    first, second = name_photo_sets([photo_folders], [other])
    assert (first.name, second.name) == (f"{tmp_path.name}/low", "second/low")
    assert (first.count, second.count) == (3, 1)


def test_a_link_has_its_own_name(photo_folders, tmp_path):
    (tmp_path / "lol").symlink_to(photo_folders[0])
    assert [photo_set.name for photo_set in name_photo_sets([(tmp_path / "lol", photo_folders[1])], [])] == ["lol"]
    with pytest.raises(RecipeError, match="given twice"):
        name_photo_sets([], [tmp_path / "lol", photo_folders[0]])


def test_a_metric_that_compares_measures_the_sets_with_references(photo_folders):
    catalogue = discover_plugins()
    both = name_photo_sets([photo_folders], [photo_folders[1]])
    columns = build_set_columns(catalogue, both, ["gt_mean_psnr", "clipped_share"])
    assert "reference.gt_mean_ssim" in [column.key for column in columns[True]]
    assert {column.group for column in columns[False]} == {"alone"}
    with pytest.raises(RecipeError, match="nothing is given for port 'target'"):
        build_set_columns(catalogue, both[1:], ["gt_mean_psnr"])


def test_photo_sets_that_cannot_be(photo_folders, tmp_path):
    with pytest.raises(RecipeError, match="nothing to measure on"):
        name_photo_sets([], [])
    with pytest.raises(RecipeError, match="given twice"):
        name_photo_sets([], [photo_folders[0], photo_folders[0]])
    with pytest.raises(DataError, match="does not exist"):
        name_photo_sets([(photo_folders[0], tmp_path / "nowhere")], [])
