"""What someone meets who hears the page, or goes through it by keyboard."""


def test_the_page_can_be_heard(html, reader):
    page = reader.open(html)
    assert reader.look(page, "faults") == []


def test_the_keyboard_goes_through_the_page_in_its_order(html, reader):
    page = reader.open(html)
    met = []
    for _ in range(40):
        page.keyboard.press("Tab")
        met.append(reader.look(page, "focused"))
        if met[-1] is None:
            break
    places = [each["order"] for each in met if each]
    assert places == sorted(set(places))
    assert len(places) > 3
    assert [each["what"] for each in met if each and not (each["marked"] and each["shown"])] == []
