"""Which files belong together, and which are consecutive."""

from zerokd.data.photo_files import find_consecutive, find_partners


def test_a_partner_has_the_same_path_or_the_same_but_for_the_suffix():
    names = ["1.png", "2.png", "sub/3.jpg", "4.png", "5.png"]
    candidates = ["1.png", "1.jpg", "2.jpg", "sub/3.tif", "3.jpg", "5.jpg", "5.bmp"]
    assert find_partners(names, candidates) == {"1.png": "1.png", "2.png": "2.jpg", "sub/3.jpg": "sub/3.tif"}


def test_consecutive_files_are_those_of_one_folder_in_the_order_of_their_numbers():
    names = ["a/1.png", "a/10.png", "a/2.png", "b/7.png", "b/8.png", "c.png"]
    runs = find_consecutive(names, 2)
    assert [[names[position] for position in run] for run in runs] == [
        ["a/1.png", "a/2.png"],
        ["a/2.png", "a/10.png"],
        ["b/7.png", "b/8.png"],
    ]
    assert find_consecutive(names, 4) == []
