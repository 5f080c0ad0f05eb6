"""Translation, communication gain, lag and dimension in the states of `analysis.states`, and differences of states.

Translation and gain are those of the models as they were trained, on the held-out bins of a state. Lag, dimension and
the strength of a regression are estimated anew, from the counts of all windows, with pairs of bins that lie in one
stretch of the state. A difference is given as it is, and matched (`differences`, `matching`); the test is of the
latter. docs/states.md says what that controls and what it does not.
"""
