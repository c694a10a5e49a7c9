"""pty.py DEVICE FOLDER_OF_REQUEST: joins this terminal to the machine's side of a console of the emulated kernel.

The program ends when FOLDER_OF_REQUEST.status appears, which is when the shell behind the console has ended.
"""

import os
import select
import sys
import termios
import tty


def main():
    device, request = sys.argv[1:3]
    console = os.open(device, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(console)
    saved = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        with open(f"{request}.size.new", "w") as file:
            size = os.get_terminal_size(0)
            file.write(f"rows {size.lines} cols {size.columns}")
        os.rename(f"{request}.size.new", f"{request}.size")
        while not os.path.exists(f"{request}.status"):
            for source in select.select([0, console], [], [], 0.3)[0]:
                data = os.read(source, 4096)
                os.write(console if source == 0 else 1, data)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, saved)


main()
