"""Invented people: names, valid ID numbers, phones and cards, from a seeded generator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许"
    "韩冯邓曹彭曾萧田董潘袁于蒋蔡余杜叶程苏魏吕丁任沈"
)
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰涛明超秀霞平刚桂英华玉萍红鑫斌"
    "波辉建国志海燕云飞雪梅文博宇浩轩欣怡雨桐佳慧嘉俊凯晨曦"
)
AREAS = ("310101", "310104", "310105", "310110", "310115", "320583", "330402", "341182")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
EPOCH = date(1966, 1, 1)


@dataclass(frozen=True)
class Person:
    """One invented worker."""

    name: str
    sex: str
    birth_date: date
    id_number: str
    phone: str


def person(random: Random, serial: int) -> Person:
    """Somebody who does not exist; *serial* keeps ID numbers apart."""
    woman = random.random() < 0.4
    birth = EPOCH + timedelta(days=serial % 14_000)
    order = (serial // 14_000 * 2 + (0 if woman else 1)) % 1000
    area = AREAS[serial // 7_000_000 % len(AREAS)]
    body = f"{area}{birth:%Y%m%d}{order:03d}"
    given = random.choice(GIVEN) + (random.choice(GIVEN) if random.random() < 0.7 else "")
    return Person(
        name=random.choice(SURNAMES) + given,
        sex="female" if woman else "male",
        birth_date=birth,
        id_number=body + _check_digit(body),
        phone=f"1{random.choice('3578')}{random.randrange(10**9):09d}",
    )


def card(random: Random, prefix: str) -> str:
    """A card number of 16 or 19 digits that passes the Luhn check."""
    length = 19 if prefix.startswith("6222") else 16
    body = prefix + "".join(random.choices("0123456789", k=length - len(prefix) - 1))
    digits = [int(digit) for digit in reversed(body)]
    total = sum(_doubled(digit) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    return body + str(-total % 10)


def _check_digit(body: str) -> str:
    return "10X98765432"[sum(int(d) * w for d, w in zip(body, WEIGHTS, strict=True)) % 11]


def _doubled(digit: int) -> int:
    return digit * 2 if digit < 5 else digit * 2 - 9
