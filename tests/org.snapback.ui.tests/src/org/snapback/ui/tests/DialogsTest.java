// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunchConfiguration;
import org.eclipse.debug.core.ILaunchConfigurationWorkingCopy;
import org.eclipse.debug.ui.DebugUITools;
import org.eclipse.debug.ui.IDebugUIConstants;
import org.eclipse.jface.preference.PreferenceDialog;
import org.eclipse.jface.viewers.StructuredSelection;
import org.eclipse.swt.SWT;
import org.eclipse.swt.custom.CTabFolder;
import org.eclipse.swt.custom.CTabItem;
import org.eclipse.swt.widgets.Button;
import org.eclipse.swt.widgets.Control;
import org.eclipse.swt.widgets.Display;
import org.eclipse.swt.widgets.Event;
import org.eclipse.swt.widgets.Shell;
import org.eclipse.swt.widgets.Text;
import org.eclipse.ui.dialogs.PreferencesUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.snapback.debug.LaunchAttributes;
import org.snapback.ui.driver.EventLoop;
import org.snapback.ui.driver.Widgets;

/** The tabs of launch configurations and the preference page. */
class DialogsTest {

    @RegisterExtension
    final WorkbenchExtension ide = new WorkbenchExtension();

    @Test
    void hasAllTabsForAGdbSession() throws Exception {
        List<String> tabs = tabsOf(LaunchAttributes.GDB_TYPE, IDebugUIConstants.ID_DEBUG_LAUNCH_GROUP);

        assertEquals(List.of("Main", "Arguments", "Snapback", "Environment", "Common"), tabs);
    }

    @Test
    void hasAllTabsForAProgram() throws Exception {
        List<String> tabs = tabsOf(LaunchAttributes.PROGRAM_TYPE, IDebugUIConstants.ID_RUN_LAUNCH_GROUP);

        assertEquals(List.of("Main", "Arguments", "Snapback", "Environment", "Common"), tabs);
    }

    @Test
    void hasAllTabsForAnImage() throws Exception {
        List<String> tabs = tabsOf(LaunchAttributes.IMAGE_TYPE, IDebugUIConstants.ID_DEBUG_LAUNCH_GROUP);

        assertEquals(List.of("Main", "Snapback", "Common"), tabs);
    }

    @Test
    void remembersThatFilesAreToBeRewound() throws Exception {
        ILaunchConfiguration configuration = configuration(LaunchAttributes.PROGRAM_TYPE);
        inDialog(configuration, IDebugUIConstants.ID_RUN_LAUNCH_GROUP, folder -> {
            turnTo(folder, Stream.of(folder.getItems())
                    .filter(tab -> tab.getText().equals("Snapback"))
                    .findFirst()
                    .orElseThrow());
            Widgets.press(button(folder.getShell(), "A rewind also puts back what was in the files that the program writes"));
            pressWhenEnabled(button(folder.getShell(), "Apply"));
        });

        assertTrue(configuration.getAttribute(LaunchAttributes.REWIND_FILES, false));
        configuration.delete();
    }

    @Test
    void showsThePreferencesWithTheirDefaults() {
        PreferenceDialog dialog = PreferencesUtil.createPreferenceDialogOn(
                ide.workbench().shell(), "org.snapback.ui.preferences", null, null);
        dialog.setBlockOnOpen(false);
        dialog.open();
        try {
            EventLoop.drain();
            ide.screenshot(dialog.getShell(), "preferences");

            assertTrue(texts(dialog.getShell()).contains("gdb"), texts(dialog.getShell()).toString());
            assertTrue(texts(dialog.getShell()).contains("20"), texts(dialog.getShell()).toString());
        } finally {
            dialog.close();
        }
    }

    private static List<String> texts(Shell shell) {
        return Widgets.below(shell, Text.class)
                .filter(Control::isVisible)
                .map(Text::getText)
                .toList();
    }

    /** Opens the dialog on a new configuration, turns to each tab, and closes it. */
    private List<String> tabsOf(String type, String group) throws CoreException {
        List<String> seen = new ArrayList<>();
        ILaunchConfiguration configuration = configuration(type);
        inDialog(configuration, group, folder -> {
            for (CTabItem tab : folder.getItems()) {
                turnTo(folder, tab);
                ide.screenshot(folder.getShell(), type + "-" + tab.getText());
                seen.add(tab.getText());
            }
        });
        configuration.delete();
        return seen;
    }

    private static ILaunchConfiguration configuration(String type) throws CoreException {
        ILaunchConfigurationWorkingCopy copy = DebugPlugin.getDefault()
                .getLaunchManager()
                .getLaunchConfigurationType(type)
                .newInstance(null, "tabs");
        copy.setAttribute(LaunchAttributes.PROGRAM, "/bin/true");
        return copy.doSave();
    }

    private void inDialog(ILaunchConfiguration configuration, String group, Consumer<CTabFolder> work) {
        Shell workbench = ide.workbench().shell();
        Display display = workbench.getDisplay();
        display.asyncExec(() -> look(display, workbench, work));
        DebugUITools.openLaunchConfigurationDialogOnGroup(workbench, new StructuredSelection(configuration), group);
    }

    /** The dialog has an event loop of its own until it is closed; so it is looked at from within that. */
    private static void look(Display display, Shell workbench, Consumer<CTabFolder> work) {
        EventLoop.await("the dialog", () -> folder(display, workbench) != null);
        CTabFolder folder = folder(display, workbench);
        try {
            work.accept(folder);
        } finally {
            display.asyncExec(() -> Stream.of(display.getShells()).forEach(shell -> press(shell, "Don't Save")));
            press(folder.getShell(), "Close");
        }
    }

    private static Button button(Shell dialog, String label) {
        return Widgets.below(dialog, Button.class)
                .filter(button -> label.equals(button.getText().replace("&", "")))
                .findFirst()
                .orElseThrow(() -> new AssertionError("There is no button \"" + label + "\""));
    }

    /** The dialog enables its buttons a moment after a change. */
    private static void pressWhenEnabled(Button button) {
        EventLoop.await(() -> "the button \"" + button.getText() + "\"", button::isEnabled);
        Widgets.press(button);
    }

    /** Does nothing where there is no such button: the dialog asks about changes only if there are some. */
    private static void press(Shell dialog, String label) {
        Widgets.below(dialog, Button.class)
                .filter(button -> button.getText().replace("&", "").equals(label) && button.isEnabled())
                .findFirst()
                .ifPresent(Widgets::press);
    }

    private static void turnTo(CTabFolder folder, CTabItem tab) {
        folder.setSelection(tab);
        Event event = new Event();
        event.widget = folder;
        event.item = tab;
        folder.notifyListeners(SWT.Selection, event);
    }

    private static CTabFolder folder(Display display, Shell workbench) {
        return Stream.of(display.getShells())
                .filter(shell -> shell != workbench && shell.isVisible())
                .flatMap(shell -> Widgets.below(shell, CTabFolder.class))
                .filter(folder -> folder.getItemCount() >= 3)
                .findFirst()
                .orElse(null);
    }
}
