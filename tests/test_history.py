import torch

from cyclegan.history import HistoryBuffer

CPU = torch.device("cpu")


def numbered(*numbers):
    """Images of one pixel that can be told apart."""
    return torch.tensor(numbers, dtype=torch.float32).reshape(-1, 1, 1, 1).expand(-1, 3, 1, 1)


def numbers_of(images):
    return images[:, 0, 0, 0].tolist()


def test_images_come_back_unchanged_while_the_buffer_fills():
    history = HistoryBuffer(3, seed=0)

    assert numbers_of(history.exchange(numbered(1, 2))) == [1, 2]
    assert numbers_of(history.exchange(numbered(3))) == [3]


def test_half_of_the_images_come_from_the_past_once_it_is_full():
    history = HistoryBuffer(50, seed=0)
    history.exchange(numbered(*range(50)))

    returned = [numbers_of(history.exchange(numbered(n)))[0] for n in range(50, 2050)]

    from_the_past = sum(old != new for old, new in zip(returned, range(50, 2050), strict=True))
    assert 900 < from_the_past < 1100


def test_an_image_that_comes_back_at_once_is_not_stored():
    history = HistoryBuffer(1, seed=0)
    history.exchange(numbered(0))
    stored = 0.0

    for n in range(1, 200):
        [returned] = numbers_of(history.exchange(numbered(n)))
        # Either the newcomer goes straight through, or it takes the place of the stored one.
        assert returned in (n, stored)
        stored = n if returned == stored else stored
        assert numbers_of(torch.stack(history.images)) == [stored]


def test_every_slot_is_chosen_alike():
    history = HistoryBuffer(4, seed=0)
    history.exchange(numbered(0, 1, 2, 3))
    replaced = [0] * 4

    for n in range(4, 4004):
        before = numbers_of(torch.stack(history.images))
        history.exchange(numbered(n))
        for slot, (old, new) in enumerate(
            zip(before, numbers_of(torch.stack(history.images)), strict=True)
        ):
            replaced[slot] += old != new

    assert all(400 < count < 600 for count in replaced)


def test_a_batch_is_exchanged_image_by_image():
    history = HistoryBuffer(1, seed=0)

    # The first fills the buffer; each later one may already meet it.
    returned = numbers_of(history.exchange(numbered(*range(40))))

    assert returned[0] == 0
    assert returned != list(range(40))


def test_without_capacity_images_pass_through():
    history = HistoryBuffer(0, seed=0)

    assert numbers_of(history.exchange(numbered(1, 2))) == [1, 2]
    assert history.images == []


def test_no_gradient_flows_through():
    images = numbered(1.0).clone().requires_grad_()

    assert not HistoryBuffer(0, seed=0).exchange(images).requires_grad
    assert not HistoryBuffer(2, seed=0).exchange(images).requires_grad


def test_a_stored_image_does_not_change_with_the_batch_it_came_from():
    history = HistoryBuffer(1, seed=0)
    batch = numbered(7).clone()
    history.exchange(batch)

    batch.zero_()

    assert numbers_of(torch.stack(history.images)) == [7]


def test_a_restored_buffer_goes_on_as_the_saved_one():
    history = HistoryBuffer(3, seed=5)
    history.exchange(numbered(1, 2, 3, 4, 5))
    other = HistoryBuffer(3, seed=99)
    other.load_state_dict(history.state_dict(), CPU)

    new = numbered(*range(10, 40))

    assert numbers_of(other.exchange(new)) == numbers_of(history.exchange(new))
