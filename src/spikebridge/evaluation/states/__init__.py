"""Translation, communication gain, lag and dimension in the states of `analysis.states`, and differences of states.

Translation and gain are those of the models as they were trained, on the held-out bins of a state. Lag and dimension
are estimated anew, from the counts of all windows, with pairs of bins that lie in one stretch of the state. A
difference is given as it is, and between bins that are matched in number and in the rates of both regions, test block
by test block (`matching`); the test is of the latter. See docs/states.md for what that controls and what it does not.
"""
