"""What the doctor makes of numbers, without any training."""

from dataclasses import replace
from math import inf, log, nan

import pytest

from training.doctor import find_symptoms
from training.imitation_settings import DistillSettings, ImitationWeights
from training.symptom import Norms, lasting
from training.vitals import Course, Look, Vitals

LOSSES = ("adversarial_ab", "adversarial_ba", "discriminator_a", "discriminator_b")
NORMS = Norms(
    domains=("summer", "winter"),
    rate=2e-4,
    undecided=0.25,
    taught=False,
    discriminators_rate=1.0,
    anchored=True,
    generator_gradient=1600.0,
    discriminator_gradient=100.0,
)
HEALTHY = Look(brightness=0, contrast=0.8, variety=0.7, likeness=0.6, change=0.02, history=0.9)


def vitals(step, *, losses=None, gradients=None, ab=None, **others):
    """An examination of a healthy run, but for what is given; `ab` is of the way to winter."""
    course = Course(mean=0.2, deviation=0.05, peak=0.4)
    networks = ("gen_ab", "gen_ba", "disc_a", "disc_b")
    return Vitals(
        **{
            "step": step,
            "losses": {name: course for name in LOSSES} | (losses or {}),
            "broken_since": None,
            "gradients": {name: 1.0 for name in networks} | (gradients or {}),
            "weights": 50.0,
            "rate": 2e-4,
            "looks": {"ab": HEALTHY.model_copy(update=ab or {}), "ba": HEALTHY},
        }
        | others
    )


def run_of(times, **sick):
    """Examinations every 50 steps, all with the same trouble."""
    return [vitals(50 * (i + 1), **sick) for i in range(times)]


def named(past, norms=NORMS):
    return [(symptom.kind, symptom.where, symptom.since) for symptom in find_symptoms(past, norms)]


def course(mean, deviation=0.05):
    return Course(mean=mean, deviation=deviation, peak=mean + deviation)


def test_a_healthy_run_has_no_symptoms():
    assert named(run_of(20)) == []


@pytest.mark.parametrize(
    ("sick", "barely_well", "kind", "where", "times"),
    [
        ({"ab": {"contrast": 0.099}}, {"ab": {"contrast": 0.1}}, "flat", "winter", 3),
        ({"ab": {"variety": 0.099}}, {"ab": {"variety": 0.1}}, "collapsed", "winter", 3),
        ({"ab": {"likeness": -0.51}}, {"ab": {"likeness": -0.5}}, "inverted", "winter", 10),
        ({"ab": {"change": 9e-6}}, {"ab": {"change": 1e-5}}, "frozen", "winter", 3),
        ({"ab": {"history": 0.099}}, {"ab": {"history": 0.1}}, "same-history", "winter", 3),
        (
            {"losses": {"discriminator_b": course(0.0249)}},
            {"losses": {"discriminator_b": course(0.025)}},
            "sure",
            "winter",
            10,
        ),
        (
            {"gradients": {"disc_a": 100.1}},
            {"gradients": {"disc_a": 100.0}},
            "large-gradient",
            "disc_a",
            3,
        ),
        (
            {"gradients": {"gen_ab": 1600.1}},
            {"gradients": {"gen_ab": 1600.0}},
            "large-gradient",
            "gen_ab",
            3,
        ),
    ],
)
def test_each_symptom_is_named_when_it_has_lasted_and_not_before(
    sick, barely_well, kind, where, times
):
    ill, well = vitals(1000, **sick), vitals(25)
    long_enough = [well, *run_of(times, **sick)]

    assert named(long_enough) == [(kind, where, 50)]
    assert named(long_enough[:-1]) == []
    assert named([*long_enough, vitals(1000)]) == []
    assert named(run_of(20, **barely_well)) == []
    assert named([ill], NORMS.at_once()) == [(kind, where, 1000)]


def test_since_counts_from_the_last_healthy_examination():
    sick = {"ab": {"contrast": 0.0}}
    past = [vitals(50, **sick), vitals(100), *(vitals(step, **sick) for step in (150, 200, 250))]

    assert named(past) == [("flat", "winter", 150)]
    assert lasting(past, lambda seen: seen.step > 200, times=1) == 250


@pytest.mark.parametrize(
    ("brightness", "colour"),
    [(-0.91, "black"), (0.91, "white"), (0.89, "one flat colour"), (-0.89, "one flat colour")],
)
def test_flat_pictures_are_called_by_their_colour(brightness, colour):
    [symptom] = find_symptoms(run_of(3, ab={"contrast": 0.0, "brightness": brightness}), NORMS)

    assert symptom.sentence.startswith(f"every summer becomes {colour} instead of winter")


def test_a_discriminator_that_guesses_for_a_thousand_steps_is_named_with_what_guessing_has():
    past = run_of(20, losses={"discriminator_b": course(0.276)})

    [symptom] = find_symptoms(past, NORMS)

    assert (symptom.kind, symptom.where, symptom.since) == ("guessing", "winter", 50)
    assert "its loss is 0.276, and guessing has 0.25;" in symptom.sentence
    assert not symptom.failure
    assert named(past[1:]) == []  # new ones know nothing for a while
    assert named([*past[:10], vitals(525), *past[11:]]) == []
    assert named(run_of(20, losses={"discriminator_b": course(0.25)})) == []
    assert named(past, replace(NORMS, undecided=None)) == []


def test_advice_for_students_names_the_teacher_and_what_imitates_it():
    students = replace(NORMS, taught=True, discriminators_rate=0.5)

    def advised(norms, **sick):
        [symptom] = find_symptoms(run_of(20, **sick), norms)
        return symptom.sentence

    guessing = {"losses": {"discriminator_b": course(0.276)}}
    assert "lead back to the input; unless" in advised(NORMS, **guessing)
    assert "--optimizers.discriminators-rate 0.25, or" in advised(NORMS, **guessing)
    assert "much from the teacher; unless" in advised(students, **guessing)
    assert "--optimizers.discriminators-rate 0.125, or" in advised(students, **guessing)
    sure = {"losses": {"discriminator_b": course(0.01)}}
    assert "--optimizers.discriminators-rate 0.125, --stab" in advised(students, **sure)
    for sick, of_cycle, of_teacher in (
        ({"ab": {"variety": 0.05}}, "larger --weights.cycle", "larger --imitation.pixels"),
        ({"ab": {"likeness": -0.9}}, "the cycle loss allows it", "larger --imitation.pixels"),
    ):
        assert of_cycle in advised(NORMS, **sick)
        assert of_teacher in advised(students, **sick)


def test_flat_pictures_are_neither_collapsed_nor_frozen_too():
    alike = {"contrast": 0.05, "variety": 0.0, "change": 0.0}

    assert named(run_of(5, ab=alike)) == [("flat", "winter", 50)]


def test_a_generator_may_stand_still_where_the_learning_rate_has_nearly_ended():
    still = {"ab": {"change": 0.0}}

    assert named(run_of(5, **still, rate=0.049 * 2e-4)) == []
    assert named(run_of(5, **still, rate=0.051 * 2e-4)) == [("frozen", "winter", 50)]


def test_a_first_examination_knows_of_no_change():
    assert named(run_of(5, ab={"change": None, "history": None})) == []


@pytest.mark.parametrize("at", ["broken_since", "weights", "gradient"])
def test_what_is_no_number_is_all_that_is_said(at):
    broken = {
        "broken_since": {"broken_since": 73},
        "weights": {"weights": inf},
        "gradient": {"gradients": {"gen_ab": nan}},
    }[at]
    past = [*run_of(1), vitals(100, ab={"contrast": 0.0}, **broken)]

    assert named(past, NORMS.at_once()) == [("not-finite", "", 73 if at == "broken_since" else 100)]


def test_a_loss_that_scatters_5_times_as_much_as_before_is_spiking():
    calm = {"losses": {"discriminator_a": course(0.2, deviation=0.06)}}

    def past(deviation):
        wild = {"losses": {"discriminator_a": course(0.2, deviation)}}
        later = [vitals(step, **wild) for step in (200, 250, 300)]
        return [*run_of(3, **calm), *later]

    assert named(past(0.31)) == [("spiking", "summer", 200)]
    assert named(past(0.29)) == []  # less than 5 times
    assert named(past(0.31)[1:]) == []  # too little is known of before


def test_scatter_below_the_loss_of_an_undecided_discriminator_is_no_spike():
    quiet = {"losses": {"discriminator_a": course(0.2, deviation=0.001)}}
    louder = {"losses": {"discriminator_a": course(0.2, deviation=0.24)}}
    past = [*run_of(3, **quiet), *(vitals(step, **louder) for step in (200, 250, 300))]

    assert named(past) == []


def fooling(losses, change=0.001):
    return [
        vitals(
            50 * (i + 1),
            losses={"adversarial_ab": course(loss, deviation=0.01)},
            ab={"change": change},
        )
        for i, loss in enumerate(losses)
    ]


def test_a_loss_that_falls_while_pictures_stay_is_of_a_fooled_discriminator():
    falling = [1 - 0.05 * i for i in range(10)]

    assert named(fooling(falling)) == [("fooled", "winter", 50)]
    assert named(fooling(falling, change=0.002)) == []
    assert named(fooling(falling[:9])) == []
    assert named(fooling(falling[::-1])) == []
    # 7 of 9 downwards are most; 6 are not.
    assert named(fooling([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.35, 0.4]))
    assert not named(fooling([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.45, 0.5, 0.55]))
    # A fall within its scatter is none.
    assert not named(fooling([0.5 - 0.0005 * i for i in range(10)]))


def test_scores_of_a_critic_may_drift():
    falling = fooling([1 - 0.05 * i for i in range(10)])
    critic = Norms(**{**vars(NORMS), "undecided": None, "anchored": False})

    assert named(falling, critic) == []


def test_a_loss_that_says_nothing_is_not_judged():
    sure = run_of(10, losses={"discriminator_b": course(0.0)})
    autoencoder = Norms(**{**vars(NORMS), "undecided": None})

    assert named(sure) == [("sure", "winter", 50)]
    assert named(sure, autoencoder) == []


def test_norms_follow_the_objective(tmp_path):
    from training.train_command import read_settings

    def norms(objective):
        flags = ["--data", str(tmp_path), "--run", str(tmp_path / "run"), "--objective", objective]
        return Norms.of(read_settings(flags))

    assert norms("lsgan").undecided == 0.25
    assert norms("minimax").undecided == norms("non_saturating").undecided == log(2)
    assert norms("hinge").undecided == 1.0
    assert norms("ebgan").undecided is norms("wgan").undecided is None
    # A gradient of 100 for the adversarial loss, 10 times that for the cycle, half of it again.
    assert norms("lsgan").generator_gradient == 100 * (1 + 10 * 1.5)
    weights = ImitationWeights(pixels=20, features=3)
    student = DistillSettings(run=tmp_path, teacher=tmp_path, imitation=weights)
    assert Norms.of(student).generator_gradient == 100 * (1 + 20 + 3)
    assert (Norms.of(student).taught, norms("lsgan").taught) == (True, False)
    assert norms("wgan").discriminator_gradient == inf
    assert norms("wgan_gp").discriminator_gradient == 100 * 11
    assert [norms(name).anchored for name in ("lsgan", "wgan", "wgan_gp")] == [True, False, False]
