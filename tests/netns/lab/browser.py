# SPDX-License-Identifier: GPL-2.0-or-later
"""A headless Chromium that shows one page from a file."""

import os
import pathlib
import shutil

from .tap import Failure

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


def missing():
    for tool in (CHROMIUM, DRIVER):
        if not shutil.which(tool):
            return f"{os.path.basename(tool)} is not installed"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    return None


class Browser:
    """Context manager; whatever the page's scripts complain of is a failure in the end."""

    def __init__(self, path, fragment="", width=1280, height=1000):
        self.url = pathlib.Path(path).as_uri() + fragment
        self.size = f"--window-size={width},{height}"

    def __enter__(self):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        # Nobody but us has written the page, and root has no other way.
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     self.size):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(DRIVER), options=options)
        try:
            self.driver.set_page_load_timeout(120)
            self.driver.get(self.url)
        except BaseException:
            self.driver.quit()
            raise
        return self

    def __exit__(self, kind, *_):
        said = [] if kind else self.driver.get_log("browser")
        self.driver.quit()
        if said:
            raise Failure(f"the console says: {said}")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def texts(self, selector):
        """Of the elements that are to be seen."""
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".filter(e => e.getClientRects().length).map(e => e.textContent)", selector)

    def count(self, selector):
        return len(self.texts(selector))

    def element(self, selector):
        return self.driver.find_element("css selector", selector)

    def point_at(self, selector):
        from selenium.webdriver import ActionChains
        element = self.element(selector)
        self.run("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", element)
        ActionChains(self.driver).move_to_element(element).perform()

    def press(self, *keys):
        """Names as Key.… or text, to whatever has the focus."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys
        ActionChains(self.driver).send_keys(*(getattr(Keys, key, key) for key in keys)).perform()

    def prefer(self, scheme):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def screenshot(self, path):
        self.driver.save_screenshot(path)
