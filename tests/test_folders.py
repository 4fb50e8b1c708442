import pytest

from cyclegan.errors import DataError, UsageError
from training.folders import DataFolders, find_folders


def make(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
    return folder


def test_the_authors_layout_is_found(tmp_path):
    data = make(tmp_path, "trainA", "trainB", "testA", "testB")
    expected = (data / name for name in ("trainA", "trainB", "testA", "testB"))
    assert find_folders(data) == DataFolders(*expected)


def test_test_pictures_are_not_needed(tmp_path):
    data = make(tmp_path, "trainA", "trainB")
    assert find_folders(data) == DataFolders(data / "trainA", data / "trainB", None, None)


def test_test_pictures_of_one_domain_are_enough(tmp_path):
    data = make(tmp_path, "trainA", "trainB", "testB")
    assert find_folders(data) == DataFolders(data / "trainA", data / "trainB", None, data / "testB")


def test_the_short_layout_is_found(tmp_path):
    data = make(tmp_path, "a", "b")
    assert find_folders(data) == DataFolders(data / "a", data / "b")


def test_two_folders_can_be_named(tmp_path):
    make(tmp_path, "photos", "paintings")
    found = find_folders(None, tmp_path / "photos", tmp_path / "paintings")
    assert found == DataFolders(tmp_path / "photos", tmp_path / "paintings")


@pytest.mark.parametrize("names", [("trainA", "trainB"), ("a", "b")])
def test_a_missing_domain_is_named(tmp_path, names):
    for has, lacks in (names, names[::-1]):
        data = make(tmp_path / has, has)
        with pytest.raises(DataError, match=f"holds {has} but no folder {lacks}; expected"):
            find_folders(data)


def test_a_folder_without_domains_says_what_it_holds(tmp_path):
    make(tmp_path, "one", "two", "three", "four", "five", "six")
    with pytest.raises(DataError, match="holds five/, four/, one/, six/ and 2 more; expected"):
        find_folders(tmp_path)


def test_an_empty_folder_holds_nothing(tmp_path):
    with pytest.raises(DataError, match="holds nothing; expected trainA and trainB"):
        find_folders(tmp_path)


def test_a_missing_folder_and_a_file_are_named(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist; expected"):
        find_folders(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file is a file; expected"):
        find_folders(tmp_path / "file")
    with pytest.raises(DataError, match="nowhere does not exist; expected"):
        find_folders(None, make(tmp_path, "x") / "x", tmp_path / "nowhere")


def test_nothing_named_is_wrong_usage():
    with pytest.raises(UsageError, match="no pictures are named"):
        find_folders(None)


def test_one_domain_without_the_other_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="--domain-a is given without --domain-b"):
        find_folders(None, domain_a=tmp_path)
    with pytest.raises(UsageError, match="--domain-b is given without --domain-a"):
        find_folders(None, domain_b=tmp_path)


def test_both_ways_at_once_are_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="and also --domain-a or --domain-b"):
        find_folders(tmp_path, domain_a=tmp_path)


def test_the_same_folder_twice_is_wrong_usage(tmp_path):
    make(tmp_path, "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for again in (tmp_path / "a", tmp_path / "a" / ".." / "a", tmp_path / "link"):
        with pytest.raises(UsageError, match="expected two different folders"):
            find_folders(None, tmp_path / "a", again)


def test_a_domain_inside_the_other_is_wrong_usage(tmp_path):
    inner = make(tmp_path, "photos/paintings") / "photos" / "paintings"
    for named in ((tmp_path / "photos", inner), (inner, tmp_path / "photos")):
        with pytest.raises(UsageError, match=r"photos/paintings lies inside .*photos"):
            find_folders(None, *named)
