// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.driver;

import java.util.stream.Stream;
import org.eclipse.swt.SWT;
import org.eclipse.swt.widgets.Button;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Control;
import org.eclipse.swt.widgets.Event;
import org.eclipse.swt.widgets.Menu;
import org.eclipse.swt.widgets.MenuItem;
import org.eclipse.swt.widgets.ToolBar;
import org.eclipse.swt.widgets.ToolItem;
import org.eclipse.swt.widgets.Widget;

/** Finds widgets below a control, and does to them what the mouse would. */
public final class Widgets {

    private Widgets() {}

    /** The control and all below it, from the outside in. */
    public static Stream<Control> below(Control control) {
        Stream<Control> children = control instanceof Composite composite
                ? Stream.of(composite.getChildren()).flatMap(Widgets::below)
                : Stream.empty();
        return Stream.concat(Stream.of(control), children);
    }

    public static <T extends Control> Stream<T> below(Control control, Class<T> type) {
        return below(control).filter(type::isInstance).map(type::cast);
    }

    public static Stream<ToolItem> toolItems(Control control) {
        return below(control, ToolBar.class).flatMap(bar -> Stream.of(bar.getItems()));
    }

    /** Presses a button or chooses a menu item. */
    public static void press(Widget widget) {
        if (!isEnabled(widget)) {
            throw new AssertionError("Cannot be pressed, for it is disabled: " + widget);
        }
        if ((widget.getStyle() & (SWT.CHECK | SWT.RADIO)) != 0) {
            toggle(widget);
        }
        send(widget, SWT.Selection, 0);
    }

    private static boolean isEnabled(Widget widget) {
        return !(widget instanceof ToolItem item && !item.isEnabled()
                || widget instanceof MenuItem entry && !entry.isEnabled()
                || widget instanceof Button button && !button.isEnabled());
    }

    private static void toggle(Widget widget) {
        if (widget instanceof ToolItem item) {
            item.setSelection(!item.getSelection());
        } else if (widget instanceof Button button) {
            button.setSelection(!button.getSelection());
        } else if (widget instanceof MenuItem item) {
            item.setSelection(!item.getSelection());
        }
    }

    public static void pressArrow(ToolItem item) {
        send(item, SWT.Selection, SWT.ARROW);
    }

    /** A menu fills itself when it is about to be shown. */
    public static Menu open(Menu menu) {
        send(menu, SWT.Show, 0);
        return menu;
    }

    public static void close(Menu menu) {
        send(menu, SWT.Hide, 0);
    }

    public static void send(Widget widget, int type, int detail) {
        Event event = new Event();
        event.widget = widget;
        event.type = type;
        event.detail = detail;
        widget.notifyListeners(type, event);
    }
}
