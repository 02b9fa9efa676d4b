"""Displays of adaptation, predicted values, courses and survival."""

from sklearn_emg.inspection._outcomes._adaptation import AdaptationDisplay as AdaptationDisplay
from sklearn_emg.inspection._outcomes._agreement import AgreementDisplay as AgreementDisplay
from sklearn_emg.inspection._outcomes._courses import CourseDisplay as CourseDisplay
from sklearn_emg.inspection._outcomes._survival import SurvivalDisplay as SurvivalDisplay
