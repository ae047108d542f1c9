// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.eclipse.jface.bindings.Binding;
import org.eclipse.jface.bindings.keys.KeySequence;
import org.eclipse.swt.widgets.ToolItem;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.keys.IBindingService;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.snapback.ui.driver.EventLoop;
import org.snapback.ui.driver.Snapshots;
import org.snapback.ui.driver.Workbench;

/** What the workbench shows before anything is launched. */
class WorkbenchTest {

    @RegisterExtension
    final WorkbenchExtension ide = new WorkbenchExtension();

    @Test
    void hasTheViewInTheDebugPerspectiveByDefault() {
        assertNotNull(ide.workbench().page().findViewReference(Snapshots.VIEW));
    }

    @Test
    void saysWhatToDoWhenNoSessionIsAlive() {
        Snapshots snapshots = ide.workbench().snapshots();

        assertTrue(snapshots.emptyText().contains("Debug Configurations"), snapshots.emptyText());
        assertFalse(snapshots.filter().isEnabled());
    }

    @Test
    void disablesTheButtonsWhenNoSessionIsAlive() {
        for (String button : List.of(Workbench.TAKE, Workbench.REWIND, Workbench.AUTO)) {
            EventLoop.await(button + " to be disabled", () -> !ide.workbench().button(button).isEnabled());
        }
    }

    @Test
    void givesEachButtonAnIcon() {
        for (String button : List.of(Workbench.TAKE, Workbench.REWIND, Workbench.AUTO)) {
            ToolItem item = ide.workbench().button(button);

            assertEquals(16, item.getImage().getBounds().width, button);
        }
    }

    @Test
    void bindsKeysThatNobodyElseUses() {
        IBindingService service = PlatformUI.getWorkbench().getService(IBindingService.class);
        for (Binding ours : service.getBindings()) {
            if (ours.getParameterizedCommand() != null
                    && ours.getParameterizedCommand().getId().startsWith("org.snapback.")) {
                assertEquals(List.of(), others(service, ours), ours.getTriggerSequence().format());
            }
        }
    }

    private static List<String> others(IBindingService service, Binding ours) {
        KeySequence keys = (KeySequence) ours.getTriggerSequence();
        return Arrays.stream(service.getBindings())
                .filter(other -> other.getParameterizedCommand() != null)
                .filter(other -> !other.getParameterizedCommand().equals(ours.getParameterizedCommand()))
                .filter(other -> other.getTriggerSequence().startsWith(keys, false)
                        || keys.startsWith(other.getTriggerSequence(), false))
                .map(other -> other.getParameterizedCommand().getId())
                .toList();
    }
}
