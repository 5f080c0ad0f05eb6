"""Expressions over the columns of a table, as params.yaml holds them: parsed, checked against a list, computed here.

No Python code is executed: `ast.parse` makes a tree, and only what is named below is computed. An expression holds
names of columns (in backticks where they are no plain words: `trial type`), numbers, texts in quotes, True and False;
and, or, not (also &, |, ~); == != < <= > >=, also chained; in [...] and not in [...]; + - * / // % **; parentheses;
and the functions of `grammar.FUNCTIONS`. `index` is the number of the row, where no column is called so.

Rows are those that `pandas.DataFrame.query` would take, with these exceptions: numbers 0 and 1 may stand for false and
true beside and, or, not; true and false count as 1 and 0 in arithmetic; integers do not wrap around; a number compared
with a text is an error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spikebridge.expressions import grammar
from spikebridge.expressions.computation import Computation
from spikebridge.expressions.grammar import QUOTED, Parsed
from spikebridge.expressions.values import ExpressionError, Value, equals, truth

__all__ = ["QUOTED", "Expression", "ExpressionError", "Value", "equals", "parse", "truth"]


@dataclass(frozen=True)
class Expression:
    """An expression that was checked; `parse` makes it.

    Parameters
    ----------
    text : str
        The expression.
    parsed : Parsed
        Its syntax tree and the columns that it uses.
    """

    text: str
    parsed: Parsed

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it uses, in the order in which they are found."""
        return self.parsed.columns

    def over(self, table: pd.DataFrame) -> Value:
        """Compute the expression.

        Parameters
        ----------
        table : DataFrame
            The table whose columns the expression names.

        Returns
        -------
        Value
            One value a row, and where it is not known.

        Raises
        ------
        ExpressionError
            Names the column or the operation that cannot be computed.
        """
        try:
            with np.errstate(all="ignore"):
                return Computation(self.parsed, table).value(self.parsed.tree)
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise ExpressionError(" ".join(str(error).split()) or type(error).__name__) from error


def parse(text: str) -> Expression:
    """Check an expression; nothing is computed.

    Parameters
    ----------
    text : str
        The expression.

    Returns
    -------
    Expression
        Ready to be computed.

    Raises
    ------
    ExpressionError
        Names what is not allowed.
    """
    return Expression(text, grammar.parse(text))
