"""How models decline."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insgen import declined, refusals, speaks_as_model

DECLINING = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, I cannot do this.",
    "Sorry, I can't assist with that request.",
    "I am unable to browse the internet.",
    "Unfortunately, I do not have access to your files.",
    "As an AI language model, I have no opinions.",
    "I cannot provide medical advice.",
    '"As an AI, I do not feel."',
    "Es tut mir leid, dabei kann ich nicht helfen.",
    "Je suis désolé, mais je ne peux pas.",
    "Lo siento, pero no puedo ayudar con eso.",
    "Desculpe, não posso ajudar.",
    "Det kan jeg desværre ikke hjælpe med.",
    "很抱歉，我无法回答这个问题。",
    "I cannot fulfill this request.",
    "I can't fulfil that request.",
    "I cannot fulfill your request because it asks for harmful content.",
    "I can not complete this task.",
    "I'm not able to complete that for you.",
    "I am unable to assist with that.",
    "I won't help with that.",
    "I will not provide instructions for making weapons.",
    "I can't continue with this conversation.",
    "I cannot continue this conversation.",
    "I cannot proceed with this request.",
    "I can’t comply with that.",
    "I cannot in good conscience write that.",
    "I'm afraid I can't do that.",
    "I'm not comfortable writing that kind of text.",
    "I don't feel comfortable with this topic.",
    "I must decline to answer.",
    "I must respectfully decline this request.",
    "I have to decline your request.",
    "I decline to answer that.",
    "I refuse to write this.",
    "My apologies, but this is beyond me.",
    "My sincere apologies, but I cannot.",
    "I apologize, but I can't discuss that.",
    "I apologize for the inconvenience, but I have no access.",
    "Unfortunately, this request goes against our rules.",
    "I am not allowed to discuss this topic.",
    "I'm not programmed to generate such content.",
    "I am not designed to provide legal advice.",
    "I won't be able to help you with this.",
    "I will not be able to complete that task.",
    "It is not possible for me to view images.",
    "It would be inappropriate for me to answer.",
    "This is not something I can help with.",
    "That's against the rules. I cannot assist with that request.",
    "Thank you for your question. Unfortunately, I can't help with that.",
    "I understand that you are curious, but I cannot provide such information.",
    "I understand the frustration here; however, I can't assist with this request.",
    "Hello! I cannot fulfill that request.",
    "This request violates OpenAI's content policy.",
    "Writing that goes against my programming.",
    "That would be against my guidelines, so no.",
    "While I would love to, as an AI language model I don't, as an AI, I cannot taste.",
    "Great question! As a language model, I don't have feelings.",
    "I just can't help with that.",
    "I currently cannot access the internet.",
    "I do not have personal opinions.",
    "I don't have access to real-time data.",
    "I cannot participate in this conversation.",
    "I can't engage in that role-play.",
    "I cannot respond to this prompt.",
    "I cannot answer this question.",
    "I cannot perform this action.",
    "Ich kann Ihre Anfrage leider nicht erfüllen.",
    "Je ne suis pas en mesure de répondre.",
    "No puedo completar esa tarea.",
]
ANSWERING = [
    "Sorry is a word that people say when they regret something.",
    "The letter reads: I'm sorry, but I can't come.",
    "I cannot stress enough how important sleep is.",
    "I can't believe it, she said.",
    "Unfortunately, the harvest failed in 1845.",
    "As an AI engineer you should know Python.",
    "I am afraid of heights, wrote the boy.",
    "Lamentations is a book of the Bible.",
    "",
    "I cannot fulfill my duties alone, so I asked my sister for help.",
    "I can't help but wonder what the sea would say.",
    "I can't help falling in love with the village.",
    "I cannot help it, the old man said.",
    "I cannot complete the marathon without training, but a half marathon is possible.",
    "I can't continue walking, she whispered.",
    "I cannot answer the phone while driving.",
    "I cannot provide for my family on this wage.",
    "I can't write to you without tears.",
    "I won't go to the party tonight.",
    "I will not eat green eggs and ham.",
    "I can't access my account since the update. Could you reset it?",
    "I can't wait to see you!",
    "I must decline your kind invitation to dinner.",
    "I refused the offer.",
    "Decline the request politely and give a reason.",
    "Fulfil the order within two days.",
    "The company cannot fulfill your order because the item is out of stock.",
    "Agent: I cannot assist with that request. Customer: Why not?",
    'He said, "I cannot help with that request," and left.',
    'The phrase "as an AI language model" gives such texts away.',
    "Violating the company's policy can cost you your job.",
    "The tenant may not keep pets against the policy of the house.",
    "Employees who act against the guidelines are warned.",
    "A content policy says what may be posted.",
    "This is not something people talk about.",
    "It is not possible to divide by zero.",
    "It is impossible for a square to be round.",
    "I do not like coffee.",
    "I don't have a car, so I take the bus.",
    "We cannot perform surgery without anaesthesia.",
    "I could not find my keys, and the door was locked.",
    "We will not discuss prices until the board has met.",
    "Unfortunately the bridge was closed.",
    "My regards to the family.",
    "I am not going to the meeting, she said.",
    "I am not willing to pay that much for a used car.",
    "I couldn't sleep, so I read.",
    "1. Write an apology. 2. Explain why you cannot come.",
    "Assist the customer first.",
    "We handle the request within a day.",
    "We do not follow that trail in winter.",
    "I will follow the instructions.",
    "Help is on its way.",
    "I can do this.",
    "We cannot provide a refund after thirty days.",
    "We apologize for the inconvenience and will replace the part.",
    "We regret that the train is late.",
    "I regret to inform you that your application was not successful.",
    "I apologize for the late reply.",
    "I'm sorry that you feel ill.",
    "I'm sorry I missed your birthday.",
    "Sorry we missed you!",
    "I refuse to believe it.",
    "I must decline your invitation, though I would love to come.",
    "I'm afraid I left the stove on.",
    "We're sorry to see you go.",
    "We are unable to deliver on Sundays.",
]


@pytest.mark.parametrize("answer", DECLINING)
def test_beginning_of_a_refusal_is_known(answer: str) -> None:
    assert declined(answer)


@pytest.mark.parametrize("answer", ANSWERING)
def test_answer_that_only_looks_like_one_is_none(answer: str) -> None:
    assert not declined(answer)


@pytest.mark.parametrize(
    "text",
    [
        "Tea is hot. As an AI language model, I cannot taste it.",
        "That was after my knowledge cutoff.",
        "Som en sprogmodel ved jeg det ikke.",
        "作为一个人工智能，我没有感情。",
    ],
)
def test_model_that_speaks_of_itself_is_found_anywhere(text: str) -> None:
    assert speaks_as_model(text) in text
    assert speaks_as_model(text)


def test_text_about_models_does_not_speak_as_one() -> None:
    assert not speaks_as_model("A language model predicts the next token; an AI engineer trains it.")


def test_refusal_further_on_is_none() -> None:
    assert declined("Tea is hot. " + "I cannot assist with that request.")
    assert not declined("Tea is hot. " * 20 + "I cannot assist with that request.")


@given(st.text(max_size=300))
def test_any_text_is_looked_at_and_the_words_stand_in_it(text: str) -> None:
    assert declined(text) in text


def test_patterns_wait_until_somebody_asks() -> None:
    patterns = [name for name, value in vars(refusals).items() if isinstance(value, re.Pattern)]

    assert patterns == []
