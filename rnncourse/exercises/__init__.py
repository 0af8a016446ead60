"""Checks for the chapters' exercises: each tells a right answer from a wrong one, and says what went wrong."""

from rnncourse.exercises._grading import Feedback, Mistake, grade

__all__ = ["Feedback", "Mistake", "grade"]
