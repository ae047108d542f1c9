// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.tests;

import java.nio.file.Path;
import org.eclipse.debug.core.DebugPlugin;
import org.eclipse.debug.core.ILaunch;
import org.eclipse.jface.preference.IPreferenceStore;
import org.eclipse.debug.ui.DebugUITools;
import org.eclipse.swt.widgets.Shell;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.snapback.core.Sessions;
import org.snapback.ui.driver.EventLoop;
import org.snapback.ui.driver.LoggedErrors;
import org.snapback.ui.driver.Workbench;

/** Gives a test a workbench in the Debug perspective; fails it on a logged error; leaves no session behind. */
final class WorkbenchExtension implements BeforeEachCallback, AfterEachCallback {

    private static final Path SCREENSHOTS = Path.of(System.getProperty("snapback.screenshots", "target/screenshots"));

    private Workbench workbench;
    private LoggedErrors errors;

    @Override
    public void beforeEach(ExtensionContext context) {
        errors = new LoggedErrors();
        IPreferenceStore preferences = DebugUITools.getPreferenceStore();
        preferences.setValue("org.eclipse.debug.ui.switch_perspective_on_suspend", "never");
        workbench = Workbench.inDebugPerspective();
    }

    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        String name = context.getRequiredTestClass().getSimpleName() + "-"
                + context.getRequiredTestMethod().getName();
        workbench.screenshot(SCREENSHOTS, name);
        for (ILaunch launch : DebugPlugin.getDefault().getLaunchManager().getLaunches()) {
            launch.terminate();
            DebugPlugin.getDefault().getLaunchManager().removeLaunch(launch);
        }
        EventLoop.await("the sessions to end", () -> Sessions.get().all().isEmpty());
        errors.close();
        errors.verifyNone();
    }

    Workbench workbench() {
        return workbench;
    }

    LoggedErrors errors() {
        return errors;
    }

    void screenshot(Shell dialog, String name) {
        Workbench.screenshot(dialog, SCREENSHOTS, name);
    }

    void screenshot(String name) {
        workbench.screenshot(SCREENSHOTS, name);
    }
}
